"""What a Trio program needs: failures, threads, a lifespan, background work.

It must not know HTTP.
"""
