export default () =>
  <h1 title=>Hello</h1>;
