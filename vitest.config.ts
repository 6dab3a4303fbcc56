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
        },
      },
      {
        test: {
          name: "interop",
          include: ["test/{interop,vectors,sim}/**/*.test.ts"],
          testTimeout: 300_000,
        },
      },
      {
        test: {
          name: "system",
          include: ["test/{system,e2e,mutants}/**/*.test.ts"],
          testTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
