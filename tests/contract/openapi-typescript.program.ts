import { readFile } from "node:fs/promises";
import type { components, operations } from "./api";

type Result = components["schemas"]["Result"];
type Batch = components["schemas"]["Batch"];
type Problem = components["schemas"]["Problem"];
type Query = operations["classify"]["parameters"]["query"];

const address = process.argv[2];

async function file(name: string): Promise<Blob> {
  return new Blob([new Uint8Array(await readFile(name))]);
}

async function post<T>(path: string, field: string, names: string[], query: Query = {}): Promise<T> {
  const form = new FormData();
  for (const name of names) form.append(field, await file(name), name);
  const asked = new URLSearchParams(query as Record<string, string>);
  const answer = await fetch(`${address}${path}?${asked}`, { method: "POST", body: form });
  return (await answer.json()) as T;
}
async function main(): Promise<void> {
  const result = await post<Result>("/v1/classify", "image", ["lesion.jpg"]);
  console.log(result.prediction?.label, result.input.width === 600 ? "True" : "False");
  const several = await post<Batch>("/v1/batch", "images", ["lesion.jpg", "damaged.jpg"]);
  const problem = several.results[1].problem;
  console.log(several.results.length, problem?.status, problem?.title);
  const refused = await post<Problem>("/v1/classify", "image", ["lesion.jpg"], { explain: "perhaps" });
  console.log(refused.status, refused.title);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
