/** The reference, drawn from the service's OpenAPI document. */

const target = document.querySelector("#reference");
const loading = document.querySelector("#loading");

/** An element with children, which are text or elements. */
function make(tag, ...children) {
  const element = document.createElement(tag);
  element.append(...children);
  return element;
}

/** Text with the two marks that the document uses: **strong** and `code`. */
function prose(text = "") {
  return text.split(/(\*\*.+?\*\*|`[^`]+`)/).map((part) => {
    if (part.startsWith("**")) return make("strong", part.slice(2, -2));
    if (part.startsWith("`")) return make("code", part.slice(1, -1));
    return part;
  });
}

const paragraphs = (text = "") => text.split("\n\n").map((part) => make("p", ...prose(part)));

class Drawing {
  constructor(api) {
    this.api = api;
  }

  /** What a $ref leads to; what stands beside it wins. */
  resolved(node = {}) {
    if (!node.$ref) return node;
    const found = node.$ref.slice(2).split("/").reduce((part, name) => part[name], this.api);
    return { ...found, ...node };
  }

  type(schema) {
    if (schema.const !== undefined) return `always ${JSON.stringify(schema.const)}`;
    const type = [].concat(schema.type ?? []).join(" or ");
    const { minimum, maximum } = schema;
    const range = [minimum !== undefined && `from ${minimum}`, maximum !== undefined && `to ${maximum}`];
    const choice = schema.enum && `one of ${schema.enum.join(", ")}`;
    const usual = schema.default !== undefined && `default ${schema.default}`;
    return [type, choice, ...range, usual].filter(Boolean).join(", ");
  }

  /** The fields of a schema, those inside them indented under them. */
  fields(node, name = "") {
    const schema = this.resolved(node);
    const list = schema.items ? this.fields(schema.items, `${name}[]`) : [];
    const properties = Object.entries(schema.properties ?? {}).flatMap(([field, inner]) => {
      const whole = this.resolved(inner);
      const path = name ? `${name}.${field}` : field;
      const optional = (schema.required ?? []).includes(field) ? "" : ", may be absent";
      const type = this.type(whole) + optional;
      const row = [make("dt", make("code", path)), make("dd", ...prose(whole.description), ` (${type})`)];
      return [...row, ...this.fields(inner, path)];
    });
    return [...properties, ...list];
  }

  named(title, rows) {
    return rows.length ? [make("h4", title), make("dl", ...rows)] : [];
  }

  parameters(list) {
    return list.map((node) => this.resolved(node)).flatMap((parameter) => [
      make("dt", make("code", parameter.name), ` (${parameter.in})`),
      make("dd", ...prose(parameter.description), ` (${this.type(this.resolved(parameter.schema))})`),
    ]);
  }

  problems(responses) {
    return Object.entries(responses).flatMap(([status, node]) => {
      const response = this.resolved(node);
      const shown = Object.values(response.content?.["application/problem+json"]?.examples ?? {});
      const details = shown.map((example) => make("li", `${example.summary}: “${example.value.detail}”`));
      const list = details.length ? [make("ul", ...details)] : [];
      return [make("dt", status), make("dd", ...prose(response.description), ...list)];
    });
  }

  folded(title, ...content) {
    return make("details", make("summary", title), ...content);
  }

  operation(method, path, item) {
    const operation = item[method];
    const section = make("section");
    section.className = "ll-operation";
    const body = operation.requestBody && this.resolved(operation.requestBody);
    const answer = this.resolved(operation.responses["200"]).content?.["application/json"];
    const example = Object.values(answer?.examples ?? {})[0];
    section.append(
      make("h3", make("code", `${method.toUpperCase()} ${path}`), ` ${operation.summary}`),
      ...paragraphs(operation.description),
      ...this.named("Parameters", this.parameters([...item.parameters, ...(operation.parameters ?? [])])),
      ...(body ? [make("h4", "Body"), ...paragraphs(body.description),
        make("p", Object.keys(body.content).join(", "))] : []),
      this.folded("Answers and errors", make("dl", ...this.problems(operation.responses))),
      ...(answer ? [this.folded("Fields of the answer", make("dl", ...this.fields(answer.schema)))] : []),
      ...(example ? [this.folded("Example", this.code(example.value))] : []),
    );
    return section;
  }

  code(value) {
    const frame = make("div", make("pre", make("code", JSON.stringify(value, null, 2))));
    frame.className = "ll-code";
    frame.tabIndex = 0;
    frame.role = "group";
    frame.ariaLabel = "Example of an answer";
    return frame;
  }

  draw() {
    const operations = Object.entries(this.api.paths).flatMap(([path, item]) =>
      Object.keys(item)
        .filter((name) => name !== "parameters")
        .map((method) => this.operation(method, path, item)));
    return [...paragraphs(this.api.info.description), ...operations];
  }
}

// The examples name the address that this page came from.
for (const example of document.querySelectorAll("[data-example]")) {
  const here = new URL("..", location.href).href.replace(/\/$/, "");
  example.textContent = example.textContent.replaceAll("https://lesionlens.example", here);
}

/** Whether the service answers now. */
async function status() {
  try {
    const answer = await fetch("../ready");
    const { version } = await answer.json();
    return answer.ok ? `Now: ready, release ${version}.` : "Now: the model is not loaded.";
  } catch {
    return "Now: no answer.";
  }
}
status().then((now) => { document.querySelector("#now").textContent = now; });

try {
  const answer = await fetch("../openapi.json");
  if (!answer.ok) throw new Error(answer.statusText);
  target.append(...new Drawing(await answer.json()).draw());
  loading.hidden = true;
} catch {
  loading.textContent = "The description of the interface could not be read; try again later.";
}
