import type { Finding } from '../findings.ts';

export function Findings({ findings }: { findings: readonly Finding[] }) {
  return (
    <ul class="findings" aria-label="What the fleet does">
      {findings.map(({ kind, text }) => (
        <li key={text} class={kind}>
          {text}
        </li>
      ))}
    </ul>
  );
}
