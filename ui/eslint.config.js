import js from "@eslint/js";
import a11y from "eslint-plugin-jsx-a11y";
import hooks from "eslint-plugin-react-hooks";
import globals from "globals";
import ts from "typescript-eslint";

export default ts.config(
  { ignores: ["node_modules/", "dist/", "src/api/schema.d.ts"] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...ts.configs.stylistic,
  a11y.flatConfigs.strict,
  {
    files: ["**/*.{ts,tsx,js}"],
    languageOptions: { globals: { ...globals.browser } },
    plugins: { "react-hooks": hooks },
    rules: {
      ...hooks.configs.recommended.rules,
      "max-lines": ["error", { max: 250 }],
      "max-params": ["error", 6],
      "no-console": "error",
      "@typescript-eslint/consistent-type-definitions": ["error", "interface"],
      "@typescript-eslint/consistent-type-imports": "error",
    },
  },
  // Pages speak to the hub through `api/` and `live/` only, and look like the rest through `design/`.
  {
    files: ["src/design/**"],
    rules: {
      "no-restricted-imports": ["error", { patterns: ["~/api/*", "~/live/*", "~/pages/*", "~/shell/*"] }],
    },
  },
);
