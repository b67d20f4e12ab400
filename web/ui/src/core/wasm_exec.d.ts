// Go's own script, which puts the class Go into the global scope.
declare module "wasm_exec";
