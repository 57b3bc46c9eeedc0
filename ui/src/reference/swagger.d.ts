declare module "swagger-ui-dist/swagger-ui-es-bundle" {
  /** The library's own entry; its options are in its documentation. */
  export default function SwaggerUI(options: Record<string, unknown>): void;
}
