/** Lines that join the trunk. */
export function Logo({ size = 22 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" fill="none" strokeWidth={2.2} strokeLinecap="round" aria-hidden>
      <path d="M2.5 5.5h3c4.4 0 4.4 6.5 8.8 6.5" stroke="var(--tl-copper)" />
      <path d="M2.5 18.5h3c4.4 0 4.4-6.5 8.8-6.5" stroke="var(--tl-copper)" strokeOpacity={0.55} />
      <path d="M2.5 12h19" stroke="currentColor" />
    </svg>
  );
}
