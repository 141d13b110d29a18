// Compile src/ and test/ and write artifacts/: the same bytes on every machine, so that they can be committed and compared.
//
//   node build.mjs [--out DIR]
//
// What decides the bytes: the sources, the exact versions in package-lock.json, and SETTINGS. Bytecode carries no metadata
// hash, which would change with comments.
import {createHash} from "node:crypto";
import {mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync} from "node:fs";
import {createRequire} from "node:module";
import {dirname, join, relative} from "node:path";
import {fileURLToPath} from "node:url";

const ROOT = dirname(fileURLToPath(import.meta.url));
const SETTINGS = {
  evmVersion: "cancun",
  viaIR: true,
  optimizer: {enabled: true, runs: 10000},
  metadata: {bytecodeHash: "none", appendCBOR: false},
};
const OUTPUTS = [
  "abi",
  "evm.bytecode.object",
  "evm.deployedBytecode.object",
  "evm.deployedBytecode.immutableReferences",
];

const read = (name) => {
  const path = name.startsWith("@") ? join(ROOT, "node_modules", name) : join(ROOT, name);
  return readFileSync(path, "utf8").replaceAll("\r\n", "\n");
};

const solidityIn = (folder) =>
  readdirSync(join(ROOT, folder), {recursive: true, withFileTypes: true})
    .filter((entry) => entry.isFile() && entry.name.endsWith(".sol"))
    .map((entry) => relative(ROOT, join(entry.parentPath ?? entry.path, entry.name)).replaceAll("\\", "/"))
    .sort();

function compile(solc, names) {
  const used = new Map(names.map((name) => [name, read(name)]));
  const input = {
    language: "Solidity",
    sources: Object.fromEntries([...used].map(([name, content]) => [name, {content}])),
    settings: {...SETTINGS, outputSelection: {"*": {"*": OUTPUTS}}},
  };
  const onImport = (name) => {
    try {
      used.set(name, read(name));
      return {contents: used.get(name)};
    } catch (error) {
      return {error: String(error)};
    }
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input), {import: onImport}));
  const complaints = (output.errors ?? []).map((error) => error.formattedMessage);
  if (complaints.length > 0) throw new Error(complaints.join("\n")); // a warning is an error here
  return {contracts: output.contracts, used};
}

function sourcesHash(used) {
  const hash = createHash("sha256");
  for (const name of [...used.keys()].sort()) {
    hash.update(`${createHash("sha256").update(used.get(name)).digest("hex")}  ${name}\n`);
  }
  return hash.digest("hex");
}

const flattened = (references) =>
  Object.values(references ?? {})
    .flat()
    .sort((one, other) => one.start - other.start);

function main() {
  const flag = process.argv.indexOf("--out");
  const out = flag > 0 ? process.argv[flag + 1] : join(ROOT, "artifacts");
  const solc = createRequire(join(ROOT, "package.json"))("solc");
  const names = [...solidityIn("src"), ...solidityIn("test")];
  const {contracts, used} = compile(solc, names);
  const common = {compiler: solc.version(), settings: SETTINGS, sourcesSha256: sourcesHash(used)};
  rmSync(out, {recursive: true, force: true});
  for (const source of names) {
    for (const [contractName, built] of Object.entries(contracts[source] ?? {})) {
      const {bytecode, deployedBytecode} = built.evm;
      if (bytecode.object === "") continue; // interfaces and abstract contracts
      if (source.startsWith("src/libraries/")) continue; // their code is inlined
      const artifact = {
        contractName,
        source,
        ...common,
        abi: built.abi,
        bytecode: `0x${bytecode.object}`,
        deployedBytecode: `0x${deployedBytecode.object}`,
        immutableReferences: flattened(deployedBytecode.immutableReferences),
      };
      const path = join(out, source.startsWith("test/") ? "test" : "", `${contractName}.json`);
      mkdirSync(dirname(path), {recursive: true});
      writeFileSync(path, JSON.stringify(artifact, null, 1) + "\n");
    }
  }
}

main();
