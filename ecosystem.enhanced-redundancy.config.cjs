"use strict"; // The name that PM2 takes for a configuration; what is in it stands in the file beside it.
module.exports = require("./ecosystem.enhanced-redundancy.cjs");
