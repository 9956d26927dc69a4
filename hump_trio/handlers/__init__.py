"""What a handler takes from a request, and what becomes of what it returns.

It knows annotations, the values of a request, and the form that a body may be. It must not know
what stands around a handler.

A handler's signature is read once, at registration (`parse_signature`), and becomes a `Call` that
takes a request (`bind_handler`); the route keeps both (`endpoint_of`). A parameter's value takes
three steps in between, each with a contract in ``steps.py``: `Get` finds what came for the
parameter, `Read` decides by what came under a name (nothing, one text, several), and `Parse` makes
a value of one text. What fits nowhere is a `BindingError`, which tells every place that is wrong.

A parameter whose annotation is the key of a provider gets that provider's value. The `Signature`
has the providers in the order in which they are called, and its `reads` is all that these and the
handler take of the request; ``providing.py`` calls the handler within them.

A kind of parameter is one row in ``sources.py``, a `Source`. It says how such a parameter is known
(a marker in `Annotated`, or a type), what makes its getter, and what a request may be refused with.
A new kind is one row more, with a function that returns its `Get`; a marker of its own stands in
``markers.py``, and what clients send is described in ``openapi/inputs.py``. A new type of a text is
a row of ``parsing.py``.
"""
