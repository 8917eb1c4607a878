// CommonJS in both builds: an ES module finds itself by `import.meta`, which the CommonJS half may not even contain.
exports.PAGE_FOLDER = `${__dirname}/../page`;
