import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    // By default one core of two would stay idle.
    maxWorkers: "100%",
    projects: [
      {
        test: {
          name: "unit",
          include: ["src/**/*.test.ts", "dev/**/*.test.ts", "test/{unit,oracle,fuzz}/**/*.test.ts"],
          testTimeout: 60_000,
          // Hooks do the work that tests share.
          hookTimeout: 60_000,
        },
      },
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
          fileParallelism: false,
        },
      },
    ],
  },
})
