import { defineConfig } from "vitest/config"

/** What comes in the end may come late on a busy machine: no test is about how soon. */
const patient = { poll: { timeout: 30_000 } }

const unit = {
  testTimeout: 60_000,
  // Hooks do the work that tests share.
  hookTimeout: 60_000,
  expect: patient,
}

/**
 * They replace the clock or parts of the platform, or weigh the process's memory: no other file may see that.
 * Secret trees took four times as long in a process that others had worked in.
 */
const alone = [
  "src/client/{frame-helper,rpc}.test.ts",
  "src/mls/{acceptance,hostile-size,secret-tree,secrets}.test.ts",
  "src/nostr/fast-verify.test.ts",
  "src/store/indexeddb.test.ts",
]

export default defineConfig({
  test: {
    // By default one core of two would stay idle.
    maxWorkers: "100%",
    projects: [
      {
        test: {
          ...unit,
          name: "unit",
          include: ["src/**/*.test.ts", "dev/**/*.test.ts", "test/{unit,oracle,fuzz}/**/*.test.ts"],
          exclude: alone,
          // A process goes on from file to file: to load the sources anew for each took a tenth of the time.
          isolate: false,
        },
      },
      { test: { ...unit, name: "unit-alone", include: alone } },
      {
        test: {
          name: "interop",
          include: ["test/{interop,vectors,sim}/**/*.test.ts"],
          exclude: ["test/sim/seeds.test.ts"],
          testTimeout: 300_000,
        },
      },
      {
        test: {
          name: "simulator",
          include: ["test/sim/seeds.test.ts"],
        },
      },
      {
        test: {
          name: "headless",
          include: ["test/system/**/*.test.ts"],
          globalSetup: "test/support/compile.ts",
          testTimeout: 600_000,
          // They wait for most of their time: for a pass to end, for a process to start.
          maxConcurrency: 10,
        },
      },
      {
        test: {
          name: "system",
          include: ["test/{e2e,mutants}/**/*.test.ts"],
          testTimeout: 600_000,
          // Hooks start browsers.
          hookTimeout: 60_000,
          expect: patient,
          fileParallelism: false,
        },
      },
    ],
  },
})
