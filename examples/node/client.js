#!/usr/bin/env node
/*
 * A lender's application in Node.js, from the .proto files alone:
 *
 *   status   how the node is                         (local service, token)
 *   query    a question as JSON on standard input     (local service, token)
 *   health   whether the gateway takes requests       (mutual TLS)
 *
 * Answers are printed as JSON on standard output, in the form of `credit-participant ... --json`. A failure prints
 * {"error": {code, message, cause}} and ends with status 1. Identifiers come from standard input, never from the
 * command line.
 */
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { parseArgs } = require("node:util");
const grpc = require("@grpc/grpc-js");
const protoLoader = require("@grpc/proto-loader");

const PROTOS = ["protos/credit/v1/lender.proto", "grpc/health/v1/health.proto"];
const ERROR_PROTOS = ["google/rpc/status.proto", "google/rpc/error_details.proto"];
const FOLDERS = [path.join(__dirname, "..", ".."), __dirname];
const DEADLINE_SECONDS = 90;
const DETAILS = "grpc-status-details-bin";

/** Read definitions; 64-bit integers become numbers, which are exact below 2^53. */
function load(files) {
  return protoLoader.loadSync(files, {
    includeDirs: FOLDERS, keepCase: true, longs: Number, enums: String, defaults: true,
  });
}

/** Call a unary method and give its response; rejects with the gRPC error. */
function call(client, method, request, metadata) {
  const deadline = new Date(Date.now() + DEADLINE_SECONDS * 1000);
  return new Promise((resolve, reject) => {
    client[method](request, metadata, { deadline }, (error, response) => (error ? reject(error) : resolve(response)));
  });
}

/** Open the local service of a node; its token lies in an owner-only file in the node's folder. */
function openNode(services, options) {
  const metadata = new grpc.Metadata();
  metadata.set("authorization", `Bearer ${fs.readFileSync(options.token, "ascii").trim()}`);
  const client = new services.credit.v1.LenderService(options.address, grpc.credentials.createInsecure());
  return { client, metadata };
}

async function status(services, options) {
  const { client, metadata } = openNode(services, options);
  const node = await call(client, "GetStatus", {}, metadata);
  return {
    member: node.member,
    rulebook: { version: node.rulebook_version, digest: node.rulebook_digest.toString("hex") },
    attached: node.attached,
    book: { day: dayText(node.book_day), subjects: node.subjects, journal_size: node.journal_size },
  };
}

/** Give a day (days since 1970) as a date; null where no book has been loaded. */
function dayText(day) {
  return day === 0 ? null : new Date(day * 86_400_000).toISOString().slice(0, 10);
}

async function query(services, options) {
  const question = JSON.parse(fs.readFileSync(0, "utf8"));
  const { client, metadata } = openNode(services, options);
  return answerToJson(await call(client, "Query", questionToProto(question), metadata));
}

async function health(services, options) {
  const [ca, key, certificate] = [options.ca, options.key, options.certificate].map((file) => fs.readFileSync(file));
  const client = new services.grpc.health.v1.Health(
    options.address, grpc.credentials.createSsl(ca, key, certificate));
  const { status: state } = await call(client, "Check", { service: "" }, new grpc.Metadata());
  return { status: state };
}

/** Write a question; a wrong field is left to the node, which refuses it by code. */
function questionToProto(question) {
  const { country, ...texts } = question.identifiers;
  return {
    request_id: Buffer.from(question.request_id ?? "", "hex"),
    identifiers: Object.entries(texts).map(([kind, text]) => (
      { kind: `IDENTIFIER_KIND_${kind.toUpperCase()}`, text, country })),
    purpose: question.purpose,
    attributes: question.attributes,
    consent: question.consent && consentToProto(question.consent),
    lifetime_seconds: question.lifetime_seconds ?? 0,
    staff_id: question.staff_id ?? "",
  };
}

function consentToProto(consent) {
  return {
    families: consent.families,
    issued_at: Date.parse(consent.issued) / 1000,
    expires_at: Date.parse(consent.expires) / 1000,
    maximum_uses: consent.maximum_uses,
    notice_digest: Buffer.from(consent.notice_digest, "hex"),
    notice_language: consent.notice_language,
    evidence_digest: Buffer.from(consent.evidence_digest, "hex"),
  };
}

function answerToJson(answer) {
  const { receipt } = answer;
  return {
    ...answer,
    request_id: answer.request_id.toString("hex"),
    attributes: answer.attributes.map(({ currency, unit, ...rest }) => (
      { ...rest, unit: `${unit} ${currency}`.trim() })),
    receipt: { index: receipt.index, leaf_hash: receipt.leaf_hash.toString("hex"), time: receipt.time_ms },
  };
}

/** Give the stable code and cause of a failed call: the ErrorInfo in its trailer, or the bare gRPC status. */
function explain(error) {
  const definitions = load(ERROR_PROTOS);
  const [raw] = error.metadata?.get(DETAILS) ?? [];
  const details = raw ? definitions["google.rpc.Status"].deserialize(raw).details : [];
  const detail = details.find(({ type_url: type }) => type.endsWith("/google.rpc.ErrorInfo"));
  if (!detail) return { code: grpc.status[error.code] ?? error.name, message: error.details ?? error.message, cause: "" };
  const info = definitions["google.rpc.ErrorInfo"].deserialize(detail.value);
  return { code: info.reason, message: error.details, cause: info.metadata.cause ?? "" };
}

async function main() {
  const file = { type: "string" };
  const { positionals: [command], values } = parseArgs({
    allowPositionals: true,
    options: { address: { type: "string" }, token: file, ca: file, certificate: file, key: file },
  });
  const run = { status, query, health }[command];
  if (!run || !values.address) throw new Error("usage: client.js status|query|health --address HOST:PORT ...");
  return run(grpc.loadPackageDefinition(load(PROTOS)), values);
}

function print(value) {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

main().then(print, (error) => {
  print({ error: explain(error) });
  process.exitCode = 1;
});
