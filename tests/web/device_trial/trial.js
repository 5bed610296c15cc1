/** Checks every picture with the page's own modules and sends the results. */

import { Elsewhere } from "../device/elsewhere.js";
import { Examiner } from "../device/examine.js";
import { fetchRelease, load } from "../device/kept.js";

async function tell(name, document) {
  await fetch(`told/${name}`, { method: "POST", body: JSON.stringify(document) });
}

try {
  const { version } = await (await fetch("../v1/model")).json();
  await fetchRelease(version, () => {});
  const wasm = await (await fetch("../device/kernel.wasm")).arrayBuffer();
  const examiner = await Examiner.of(await load(), wasm);
  await examiner.check();
  for (const name of await (await fetch("pictures.json")).json()) {
    try {
      await tell(name, await examiner.examine(await (await fetch(`pictures/${name}`)).blob()));
    } catch (error) {
      if (!(error instanceof Elsewhere)) throw error;
      await tell(name, { elsewhere: error.reason, detail: error.message });
    }
  }
  await tell("end", {});
} catch (error) {
  await tell("end", { failed: `${error} ${error.reason} ${error.stack}` });
}
