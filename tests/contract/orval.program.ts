import { readFile } from "node:fs/promises";
import { batch, classify } from "./api";
import type { Batch, Problem, Result } from "./api";

// The generated addresses are relative, as for a page of the same origin.
const real = globalThis.fetch;
globalThis.fetch = (path, options) => real(new URL(path as string, process.argv[2]), options);

async function file(name: string): Promise<File> {
  return new File([new Uint8Array(await readFile(name))], name);
}
async function main(): Promise<void> {
  const one = await classify({ image: await file("lesion.jpg") });
  const result = one.data as Result;
  console.log(result.prediction?.label, result.input.width === 600 ? "True" : "False");
  const images = [await file("lesion.jpg"), await file("damaged.jpg")];
  const several = (await batch({ images })).data as Batch;
  const problem = several.results[1].problem;
  console.log(several.results.length, problem?.status, problem?.title);
  const wrong = await classify({ image: await file("lesion.jpg") }, { explain: "perhaps" });
  const refused = wrong.data as Problem;
  console.log(refused.status, refused.title);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
