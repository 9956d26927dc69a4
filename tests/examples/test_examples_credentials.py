"""The example of credentials does what its docstrings say."""

from examples import credentials
from hump_trio.testing import client


async def test_credentials__says_who_calls() -> None:
    """By a token or by a password; whoever is refused is asked again."""
    olivia = {"authorization": "Bearer a-token-of-olivia"}
    async with client(credentials.app) as http:
        nobody = await http.get("/me")
        forged = await http.get("/me", headers={"authorization": "Bearer a-token-of-oliver"})
        me = await http.get("/me", headers=olivia)
        menus = [(await http.get("/menu", headers=sent)).json() for sent in ({}, olivia)]
        guess = await http.put("/price?pence=250", auth=("admin", "darjeeling"))
        admin = await http.put("/price?pence=250", auth=("admin", "earl grey"))
        document = (await http.get("/openapi.json")).json()
        page = (await http.get("/docs")).text
    assert (nobody.status_code, forged.status_code, guess.status_code) == (401, 401, 401)
    assert nobody.headers["www-authenticate"] == forged.headers["www-authenticate"]
    assert guess.headers["www-authenticate"] == 'Basic realm="prices", charset="UTF-8"'
    assert (me.text, admin.text) == ("olivia", "a cup is 250 pence")
    assert menus == [["tea"], ["tea", "the usual for olivia"]]
    assert document["paths"]["/menu"]["get"]["security"] == [{"Bearer": []}, {}]
    assert "<code>Authorization: Bearer</code>" in page
