"use strict";
// Shows the OpenAPI document and sends requests by hand. It loads nothing from elsewhere; the key stays in the page.

const METHODS = ["get", "post", "put", "patch", "delete"];
let api;

/** An element with its attributes and what is in it; texts are texts, never markup. */
function make(tag, attributes, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...inside.flat().filter((part) => part !== null && part !== undefined));
  return element;
}

/** A line with `code` and **bold** in it. */
function line(text) {
  return (text || "").split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
    if (part.startsWith("`")) return make("code", {}, part.slice(1, -1));
    if (part.startsWith("**")) return make("b", {}, part.slice(2, -2));
    return part;
  });
}

/** The paragraphs of a text. */
function prose(text) {
  return (text || "").split("\n\n").map((paragraph) => make("p", {}, line(paragraph)));
}

function resolve(schema) {
  let found = schema;
  while (found && found.$ref) found = found.$ref.slice(2).split("/").reduce((at, name) => at && at[name], api);
  return found || {};
}

/** The type of a schema in a few words. */
function typeOf(schema) {
  if (!schema) return "any";
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    const is = resolve(schema);
    return is.properties ? name : `${name} (${typeOf(is)})`;
  }
  const either = schema.oneOf || schema.anyOf || schema.allOf;
  if (either) return either.map(typeOf).join(" or ");
  const type = [schema.type || "any"].flat().join(" or ");
  if (schema.enum) return schema.enum.join(" | ");
  if (type.startsWith("array")) return `list of ${typeOf(schema.items)}`;
  return schema.format ? `${type}, ${schema.format}` : type;
}

/** The members of a type, those of its members behind a click. */
function members(schema, depth) {
  const is = resolve(schema);
  const inner = (is.oneOf || is.anyOf || []).map(resolve).find((one) => one.properties || one.items);
  if (inner) return members(inner, depth);
  if (is.items) return members(is.items, depth);
  if (!is.properties || depth > 4) return null;
  const required = is.required || [];
  const rows = Object.entries(is.properties).map(([name, member]) => {
    const told = member.description || resolve(member).description;
    const more = members(member, depth + 1);
    return make("tr", {},
      make("td", {}, make("code", {}, name), required.includes(name) ? " *" : ""),
      make("td", { class: "type" }, typeOf(member)),
      make("td", {}, prose(told), more && make("details", {}, make("summary", {}, "members"), more)));
  });
  return make("table", {}, rows);
}

/** A body to start from. */
function example(schema, depth) {
  const is = resolve(schema);
  if (is.example !== undefined) return is.example;
  if (is.examples && is.examples.length) return is.examples[0];
  if (is.enum) return is.enum[0];
  const either = is.oneOf || is.anyOf;
  if (either) return example(either.find((one) => one.type !== "null") || {}, depth);
  const type = [is.type].flat()[0];
  if (is.properties && depth < 5) {
    const names = is.required && is.required.length ? is.required : Object.keys(is.properties).slice(0, 1);
    return Object.fromEntries(names.map((name) => [name, example(is.properties[name], depth + 1)]));
  }
  if (type === "array") return [example(is.items, depth + 1)];
  return { integer: 1, number: 1, boolean: true, string: "" }[type] ?? null;
}

async function send(path, method, operation, form, out) {
  let address = path;
  const query = new URLSearchParams();
  const headers = { accept: form.accept.value };
  for (const parameter of operation.parameters || []) {
    const value = form[`${parameter.in} ${parameter.name}`].value;
    if (value === "" && parameter.in !== "path") continue;
    if (parameter.in === "path") address = address.replace(`{${parameter.name}}`, encodeURIComponent(value));
    if (parameter.in === "query") query.set(parameter.name, value);
    if (parameter.in === "header") headers[parameter.name] = value;
  }
  const key = document.getElementById("key").value;
  if (key) headers.authorization = `Bearer ${key}`;
  const request = { method: method.toUpperCase(), headers };
  if (form.body && form.body.value !== "") {
    request.body = form.body.value;
    headers["content-type"] = form.type.value;
  }
  if ([...query].length) address += `?${query}`;
  try {
    const answer = await fetch(address, request);
    let text = await answer.text();
    try { text = JSON.stringify(JSON.parse(text), null, 2); } catch { /* It is no JSON: shown as it is. */ }
    out.replaceChildren(make("p", { class: answer.ok ? "" : "bad" }, `${answer.status} ${answer.statusText}`), make("pre", {}, text));
  } catch (error) {
    out.replaceChildren(make("p", { class: "bad" }, String(error)));
  }
}

function choice(name, values) {
  return make("select", { name }, values.map((value) => make("option", {}, value)));
}

function shown(path, method, operation) {
  const rows = (operation.parameters || []).map((parameter) => make("tr", {},
    make("td", {}, make("code", {}, parameter.name), parameter.required ? " *" : "", make("br"), make("small", {}, parameter.in)),
    make("td", { class: "type" }, typeOf(parameter.schema)),
    make("td", {}, prose(parameter.description)),
    make("td", { class: "value" }, make("input", { name: `${parameter.in} ${parameter.name}`, "aria-label": parameter.name }))));
  const form = make("form", {}, rows.length ? make("table", {}, rows) : null);
  const bodies = operation.requestBody ? operation.requestBody.content : {};
  const first = Object.keys(bodies)[0];
  if (first) {
    const body = first.includes("json") ? JSON.stringify(example(bodies[first].schema, 0), null, 2) : "";
    form.append(make("h4", {}, "Body ", choice("type", Object.keys(bodies))), make("textarea", { name: "body" }, body),
      members(bodies[first].schema, 0) || "");
  }
  const good = Object.entries(operation.responses).filter(([status]) => status < "300");
  const types = good.flatMap(([, answer]) => Object.keys(answer.content || {}));
  form.append(make("p", {}, choice("accept", [...new Set(types)].concat(types.length ? [] : ["*/*"])), " ", make("button", {}, "Send")));
  const out = make("div", {});
  form.addEventListener("submit", (event) => { event.preventDefault(); send(path, method, operation, form.elements, out); });
  const answers = Object.entries(operation.responses).map(([status, answer]) => {
    const is = resolve(answer);
    const content = Object.values(is.content || {})[0];
    const more = status < "300" && content ? members(content.schema, 0) : null;
    return make("tr", {}, make("td", {}, make("code", {}, status)), make("td", {}, prose(is.description),
      more && make("details", {}, make("summary", {}, typeOf(content.schema)), more)));
  });
  return make("div", {}, prose(operation.description), form, out, make("h4", {}, "Answers"), make("table", {}, answers));
}

function entry(path, method, operation) {
  const details = make("details", { class: "operation", id: operation.operationId },
    make("summary", {}, make("span", { class: `method ${method}` }, method), make("span", { class: "path" }, path),
      make("span", { class: "told" }, line(operation.summary))));
  details.addEventListener("toggle", () => { if (details.open && details.children.length === 1) details.append(shown(path, method, operation)); });
  details.dataset.words = `${method} ${path} ${operation.summary || ""}`.toLowerCase();
  return details;
}

function show() {
  document.getElementById("version").textContent = api.info.version;
  document.getElementById("about").replaceChildren(...prose(api.info.description));
  const groups = new Map((api.tags || []).map((tag) => [tag.name, [make("h2", {}, tag.name), ...prose(tag.description)]]));
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((name) => item[name])) {
      const tag = (item[method].tags || ["Other"])[0];
      if (!groups.has(tag)) groups.set(tag, [make("h2", {}, tag)]);
      groups.get(tag).push(entry(path, method, item[method]));
    }
  }
  document.getElementById("operations").replaceChildren(...[...groups.values()].map((group) => make("div", { class: "group" }, group)));
  find();
  openLinked();
}

/** Opens the operation that the address names: `#getInvoices`. */
function openLinked() {
  const linked = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (linked instanceof HTMLDetailsElement) {
    linked.open = true;
    linked.scrollIntoView();
  }
}

/** Shows only the operations that have the words that are looked for, and the groups of these. */
function find() {
  const words = document.getElementById("find").value.toLowerCase().split(/\s+/);
  for (const group of document.querySelectorAll(".group")) {
    const operations = [...group.querySelectorAll("details.operation")];
    for (const operation of operations) operation.hidden = !words.every((word) => operation.dataset.words.includes(word));
    group.hidden = operations.every((operation) => operation.hidden);
  }
}

document.getElementById("find").addEventListener("input", find);
window.addEventListener("hashchange", openLinked);

fetch("/billing/v1/openapi.json").then((answer) => answer.json()).then((document_) => { api = document_; show(); })
  .catch((error) => document.getElementById("operations").replaceChildren(make("p", { class: "bad" }, String(error))));
