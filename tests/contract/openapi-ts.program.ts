import { readFile } from "node:fs/promises";
import { batch, classify } from "./api";
import { client } from "./api/client.gen";
import type { Batch, Problem, Result } from "./api";

client.setConfig({ baseUrl: process.argv[2] });

async function file(name: string): Promise<File> {
  return new File([new Uint8Array(await readFile(name))], name);
}
async function main(): Promise<void> {
  const one = await classify({ body: { image: await file("lesion.jpg") } });
  const result = one.data as Result;
  console.log(result.prediction?.label, result.input.width === 600 ? "True" : "False");
  const images = [await file("lesion.jpg"), await file("damaged.jpg")];
  const several = (await batch({ body: { images } })).data as Batch;
  const problem = several.results[1].problem;
  console.log(several.results.length, problem?.status, problem?.title);
  const wrong = await classify({
    body: { image: await file("lesion.jpg") },
    query: { explain: "perhaps" },
  });
  const refused = wrong.error as Problem;
  console.log(refused.status, refused.title);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
