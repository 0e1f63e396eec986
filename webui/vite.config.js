// The page: one document, one script, one style sheet, hashed names, nothing from outside.
export default {
  base: "/",
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // a data: URL would need a wider content security policy
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
};
