// CommonJS in both builds: an ES module finds its folder by `import.meta`, a syntax error in CommonJS.
exports.PAGE_FOLDER = `${__dirname}/../page`;
