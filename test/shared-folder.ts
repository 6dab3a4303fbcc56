// Where official vectors and interop definitions are.

import { fileURLToPath } from "node:url"

const beside = fileURLToPath(new URL("../../shared", import.meta.url))

/** `BURROW_SHARED`, or the folder `shared` beside the repository. */
export const sharedFolder = process.env["BURROW_SHARED"] ?? beside
