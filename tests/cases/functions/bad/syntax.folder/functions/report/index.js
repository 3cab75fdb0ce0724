exports.handler = async () => {
  if (true {
  }
};
