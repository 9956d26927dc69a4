// Uses the types that openapi-typescript makes, with openapi-fetch.

import createClient from "openapi-fetch";

import { expectEqual, run } from "./expectations";
import type { paths as Everything } from "./fetch/everything";
import type { components, paths as Shop } from "./fetch/shop";

const assam: components["schemas"]["Tea"] = { name: "Assam", grams: 900, kind: "black" };

async function useShop(baseUrl: string): Promise<void> {
  const shop = createClient<Shop>({ baseUrl });
  const black = await shop.GET("/teas", { params: { query: { kind: ["black"], limit: 5 } } });
  expectEqual(black.data, [assam]);
  const both = await shop.GET("/teas", { params: { query: { kind: ["black", "green"] } } });
  expectEqual(both.data?.length, 2);
  const wrong = await shop.GET("/teas", { params: { query: { limit: 0 } } });
  expectEqual(wrong.response.status, 422);
  expectEqual(wrong.error?.errors, [{ place: "query.limit", reason: "expected `int` >= 1" }]);

  const one = await shop.GET("/teas/{name}", { params: { path: { name: "Assam" } } });
  expectEqual(one.data, assam);
  const path = { name: "Coffee ?" };
  const missing = await shop.GET("/teas/{name}", { params: { path } });
  expectEqual(missing.response.status, 404);
  expectEqual(typeof missing.error, "string");
  const asked = await shop.GET("/teas/{name}", {
    params: { path: { name: "Coffee" } },
    headers: { accept: "application/json" },
  });
  const problem = asked.error;
  expectEqual(typeof problem === "object" && problem.status, 404);

  const order = { tea: "Assam", grams: 50 };
  const header = { "x-client": "openapi-fetch" };
  const placed = await shop.POST("/orders", { body: order, params: { header } });
  expectEqual(placed.response.status, 201);
  expectEqual(placed.data, { ...order, note: "" });
  const number = placed.response.headers.get("location")?.split("/").at(-1) ?? "";
  const again = await shop.GET("/orders/{number}", { params: { path: { number } } });
  expectEqual(again.data, placed.data);
  const much = await shop.POST("/orders", { body: { ...order, grams: 901 } });
  expectEqual(much.response.status, 409);
}

async function useEverything(baseUrl: string): Promise<void> {
  const everything = createClient<Everything>({ baseUrl });
  const found = await everything.GET("/filtered", {
    params: {
      query: { limit: 3, colours: ["red", "blue"], since: "2030-01-02", "per-page": 7 },
      header: { leftSide: 1 },
    },
  });
  expectEqual(found.data, [
    { limit: 3, colours: ["red", "blue"], since: "2030-01-02", per_page: 7 },
  ]);
  const chosen = await everything.GET("/query", { params: { query: { whole: 1, kind: 3 } } });
  expectEqual(chosen.response.status, 200);
  const sums = { amount: 1.5, numbers: [1, 1], more: { a: "2.50" } };
  const added = await everything.POST("/sums", { body: sums });
  expectEqual(added.data, { amount: "1.5", numbers: [1], more: { a: "2.50" } });
  const page = await everything.PUT("/things", {
    body: [{ name: "a", parts: [{ name: "b" }], pair: [1, "c"] }],
  });
  expectEqual(page.data?.items[0]?.pair, [1, "c"]);
  expectEqual(page.data?.items[0]?.parts, [{ name: "b", weight: 1 }]);
  const shape = await everything.POST("/shapes", { body: { type: "Circle", radius: 2 } });
  expectEqual(shape.data, { type: "Circle", radius: 2 });
  const nothing = await everything.GET("/either", { params: { query: { json: false } } });
  expectEqual([nothing.response.status, nothing.data], [204, undefined]);
  const files = await everything.POST("/files", {
    body: { picture: "one", others: ["two", "three"] },
    bodySerializer(body) {
      const form = new FormData();
      form.append("picture", new Blob([body.picture]), "1.txt");
      for (const other of body.others ?? []) form.append("others", new Blob([other]), "2.txt");
      return form;
    },
  });
  expectEqual(files.data, { bytes: 11 });
}

run(async (shop, everything) => {
  await useShop(shop);
  await useEverything(everything);
});
