/** Bundles the command into a folder, with its code caches: `cli.js` and its chunks. What is not bundled is to be found from there. */
export function bundle(outdir: string): Promise<unknown>
/** Bundles the measurements of the benchmark that happen inside a process, each to a file `NAME.mjs`. */
export function bundleInside(outdir: string): Promise<unknown>
/** Bundles the benchmark, with everything that it needs beside the command, into a folder. */
export function bundleBench(outdir: string): Promise<unknown>
