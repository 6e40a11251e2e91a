import { defineConfig } from "@hey-api/openapi-ts";

export default defineConfig({
  input: process.env.DOCUMENT ?? "openapi.json",
  output: { path: "hey-api" },
  plugins: ["@hey-api/typescript", "@hey-api/sdk", "@hey-api/client-fetch"],
});
