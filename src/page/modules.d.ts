/** A drawing without its `<style>`, which the build has moved into `page.css`. */
declare module '*.svg' {
  const text: string;
  export default text;
}
