// Compile what solc.json names and write artifacts/: the same bytes on every machine, so that they can be committed and
// compared.
//
//   node build.mjs [--out DIR]
//
// What decides the bytes: the sources, the exact versions in package-lock.json, and solc.json. The bytecode carries no
// metadata hash, which would change with every comment.
import {createHash} from "node:crypto";
import {mkdirSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {createRequire} from "node:module";
import {dirname, join} from "node:path";
import {fileURLToPath} from "node:url";

const ROOT = dirname(fileURLToPath(import.meta.url));
const OUTPUTS = [
  "abi",
  "evm.bytecode.object",
  "evm.deployedBytecode.object",
  "evm.deployedBytecode.immutableReferences",
];

const read = (name) => {
  const folder = name.startsWith("@") ? join(ROOT, "node_modules") : ROOT;
  return readFileSync(join(folder, name), "utf8").replaceAll("\r\n", "\n");
};

function compile(solc, input) {
  const used = new Map();
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
  Object.values(references)
    .flat()
    .sort((one, other) => one.start - other.start);

function artifact(source, contractName, built, common) {
  const {bytecode, deployedBytecode} = built.evm;
  return {
    contractName,
    source,
    ...common,
    abi: built.abi,
    bytecode: `0x${bytecode.object}`,
    deployedBytecode: `0x${deployedBytecode.object}`,
    immutableReferences: flattened(deployedBytecode.immutableReferences),
  };
}

function main() {
  const flag = process.argv.indexOf("--out");
  const out = flag > 0 ? process.argv[flag + 1] : join(ROOT, "artifacts");
  const solc = createRequire(join(ROOT, "package.json"))("solc");
  const input = JSON.parse(read("solc.json"));
  const settings = {...input.settings, outputSelection: {"*": {"*": OUTPUTS}}};
  const {contracts, used} = compile(solc, {...input, settings});
  const common = {compiler: solc.version(), settings: input.settings, sourcesSha256: sourcesHash(used)};
  rmSync(out, {recursive: true, force: true});
  for (const source of Object.keys(input.sources)) {
    const [folder, file] = source.split("/"); // a file is named after its contract
    const contractName = file.replace(".sol", "");
    const path = join(out, folder === "test" ? "test" : "", `${contractName}.json`);
    mkdirSync(dirname(path), {recursive: true});
    const content = artifact(source, contractName, contracts[source][contractName], common);
    writeFileSync(path, JSON.stringify(content, null, 1) + "\n");
  }
}

main();
