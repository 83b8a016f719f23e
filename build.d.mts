/** Bundles the command into a folder: `cli.js` and its chunks. */
export function bundle(outdir: string): Promise<unknown>
