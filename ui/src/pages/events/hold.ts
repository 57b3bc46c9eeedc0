import { useEffect, useState } from "react";

/** Further down than this one is reading, not watching. */
const SCROLLED_PX = 48;

/** Whether somebody reads the rows: new ones must not move them about then. */
export function useHold() {
  const [pointed, setPointed] = useState(false);
  const [focused, setFocused] = useState(false);
  const [scrolled, setScrolled] = useState(false);
  useEffect(() => {
    const look = () => {
      setScrolled(window.scrollY > SCROLLED_PX);
    };
    window.addEventListener("scroll", look, { passive: true });
    return () => {
      window.removeEventListener("scroll", look);
    };
  }, []);
  return {
    hold: pointed || focused || scrolled,
    area: {
      onMouseEnter: () => {
        setPointed(true);
      },
      onMouseLeave: () => {
        setPointed(false);
      },
      onFocus: () => {
        setFocused(true);
      },
      onBlur: () => {
        setFocused(false);
      },
    },
  };
}
