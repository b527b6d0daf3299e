/** Longer names are cut: nobody reads them, and the browser has to lay them out. */
const longest = 160;

/**
 * A name or a message from outside, as text: on one line, cut where it is too long, and kept from changing the
 * direction of what stands around it.
 */
export function Name({ text }: { text: string }) {
  return (
    <bdi class="name" title={text.slice(0, 1_000)}>
      {text.length > longest ? `${text.slice(0, longest)}…` : text}
    </bdi>
  );
}
