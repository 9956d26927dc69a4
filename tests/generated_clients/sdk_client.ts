// Uses the clients that @hey-api/openapi-ts makes.

import { expectEqual, run } from "./expectations";
import * as everything from "./sdk/everything";
import { createClient as createEverything } from "./sdk/everything/client";
import * as shop from "./sdk/shop";
import { createClient as createShop } from "./sdk/shop/client";

const assam: shop.Tea = { name: "Assam", grams: 900, kind: "black" };

async function useShop(baseUrl: string): Promise<void> {
  const client = createShop({ baseUrl });
  const black = await shop.allTeas({ client, query: { kind: ["black"], limit: 5 } });
  expectEqual(black.data, [assam]);
  const wrong = await shop.allTeas({ client, query: { limit: 0 } });
  expectEqual(wrong.response?.status, 422);
  expectEqual(wrong.error?.errors, [{ place: "query.limit", reason: "expected `int` >= 1" }]);

  const one = await shop.oneTea({ client, path: { name: "Assam" } });
  expectEqual(one.data, assam);
  const missing = await shop.oneTea({ client, path: { name: "Coffee" } });
  expectEqual(missing.response?.status, 404);
  expectEqual(typeof missing.error, "string");

  const order: shop.Order = { tea: "Assam", grams: 50 };
  const headers = { "x-client": "@hey-api/openapi-ts" };
  const placed = await shop.placeOrder({ client, body: order, headers });
  expectEqual(placed.response?.status, 201);
  expectEqual(placed.data, { ...order, note: "" });
  const number = placed.response?.headers.get("location")?.split("/").at(-1) ?? "";
  const again = await shop.oneOrder({ client, path: { number } });
  expectEqual(again.data, { ...order, note: "" });
}

async function useEverything(baseUrl: string): Promise<void> {
  const client = createEverything({ baseUrl });
  const found = await everything.filtered({
    client,
    query: { limit: 3, colours: ["red", "blue"], since: "2030-01-02", "per-page": 7 },
    headers: { leftSide: 1 },
  });
  expectEqual(found.data, [
    { limit: 3, colours: ["red", "blue"], since: "2030-01-02", per_page: 7 },
  ]);
  const sums: everything.Sums = { amount: 1.5, numbers: [1, 1], more: { a: "2.50" } };
  const added = await everything.add({ client, body: sums });
  expectEqual(added.data, { amount: "1.5", numbers: [1], more: { a: "2.50" } });
  const shape = await everything.addShape({ client, body: { type: "Circle", radius: 2 } });
  expectEqual(shape.data, { type: "Circle", radius: 2 });
  const files = await everything.files({
    client,
    body: { picture: new Blob(["one"]), others: [new Blob(["two"]), new Blob(["three"])] },
  });
  expectEqual(files.data, { bytes: 11 });
}

run(async (shopUrl, everythingUrl) => {
  await useShop(shopUrl);
  await useEverything(everythingUrl);
});
