exports.handler = async () => ({ statusC
