// Validates FHIR R4 resources with validators from npm: {name: resource} in, {name: [message]} out.
import { readFileSync } from "node:fs";
import JSONSchemaValidator from "@asymmetrik/fhir-json-schema-validator";
import fhir from "fhir";

const schema = new JSONSchemaValidator();
const profiles = new fhir.Fhir();
const resources = JSON.parse(readFileSync(process.argv[2]));

const found = Object.entries(resources).map(([name, resource]) => [name, [
  ...schema.validate(resource).map((fault) => `${fault.dataPath} ${fault.message}`),
  ...profiles.validate(resource, { errorOnUnexpected: true }).messages
    .filter((message) => message.severity === "error")
    .map((message) => `${message.location} ${message.message}`),
]]);
console.log(JSON.stringify(Object.fromEntries(found)));
