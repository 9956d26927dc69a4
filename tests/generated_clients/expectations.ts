// What both programs in TypeScript expect with.

declare const process: { argv: string[]; exitCode: number };

let count = 0;

/** Count an expectation, and fail if it isn't met. */
export function expectEqual<T>(found: T, wanted: T): void {
  count += 1;
  if (JSON.stringify(found) !== JSON.stringify(wanted)) {
    throw new Error(`${count}: ${JSON.stringify(found)} is not ${JSON.stringify(wanted)}`);
  }
}

/** Run a program with the URLs of the shop and of the app with everything. */
export function run(program: (shop: string, everything: string) => Promise<void>): void {
  program(process.argv[2] ?? "", process.argv[3] ?? "").then(
    () => console.log(`${count} expectations`),
    (error: unknown) => {
      console.log(error);
      process.exitCode = 1;
    },
  );
}
