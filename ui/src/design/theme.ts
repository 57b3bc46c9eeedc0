import { createTheme, localStorageColorSchemeManager } from "@mantine/core";
import type { MantineColorsTuple } from "@mantine/core";

const copper: MantineColorsTuple = [
  "#fdf5ef", "#f8e6d9", "#f1cbb0", "#eaae83", "#e4955d", "#e58a4c", "#b4571d", "#9c4816", "#7f3a12", "#632d0e",
];

const sand: MantineColorsTuple = [
  "#f0eee9", "#d9d6cf", "#b3afa6", "#8e8a80", "#3b3934", "#2a2825", "#201f1c", "#171614", "#100f0e", "#0c0b0a",
];

/** Read by `public/theme.js` before the first paint, too. */
export const THEME_KEY = "trunkline-theme";

export const schemeManager = localStorageColorSchemeManager({ key: THEME_KEY });

export const theme = createTheme({
  primaryColor: "copper",
  primaryShade: { light: 6, dark: 5 },
  colors: { copper, dark: sand },
  black: "#1e1d1a",
  fontFamily: "var(--tl-font)",
  fontFamilyMonospace: "var(--tl-mono)",
  headings: { fontFamily: "var(--tl-font)", fontWeight: "600" },
  fontSizes: { xs: "0.75rem", sm: "0.8125rem", md: "0.875rem", lg: "1rem", xl: "1.25rem" },
  radius: { xs: "4px", sm: "6px", md: "8px", lg: "10px", xl: "14px" },
  defaultRadius: "md",
  respectReducedMotion: true,
  cursorType: "pointer",
  components: {
    Tooltip: { defaultProps: { openDelay: 350, withArrow: false, fz: "xs" } },
    Button: { defaultProps: { size: "xs" } },
    ActionIcon: { defaultProps: { variant: "subtle", color: "gray" } },
    Menu: { defaultProps: { shadow: "md", radius: "md", offset: 6 } },
  },
});
