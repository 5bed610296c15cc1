import { readFile } from "node:fs/promises";
import { Api } from "./api";
import type { Batch, Problem, Result } from "./api";

const api = new Api({ baseUrl: process.argv[2] });

async function file(name: string): Promise<File> {
  return new File([new Uint8Array(await readFile(name))], name);
}
async function base64(name: string): Promise<string> {
  return (await readFile(name)).toString("base64");
}

async function main(): Promise<void> {
  const one = await api.v1.classify({ image: await file("lesion.jpg") }, {}, { format: "json" });
  const result = one.data as Result;
  console.log(result.prediction?.label, result.input.width === 600 ? "True" : "False");
  // This generator writes a list of files into a form as text, so the address for JSON is used.
  const images = [{ image: await base64("lesion.jpg") }, { image: await base64("damaged.jpg") }];
  const several = (await api.v1.batchBase64({ images }, {}, { format: "json" })).data as Batch;
  const problem = several.results[1].problem;
  console.log(several.results.length, problem?.status, problem?.title);
  try {
    await api.v1.classify({ image: await file("lesion.jpg") }, { explain: "perhaps" }, { format: "json" });
  } catch (wrong) {
    const refused = (wrong as { error: Problem }).error;
    console.log(refused.status, refused.title);
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
