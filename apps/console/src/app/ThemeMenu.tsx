import { Dropdown, DropdownItem, DropdownList, MenuToggle } from "@patternfly/react-core";
import { AdjustIcon } from "@patternfly/react-icons/dist/esm/icons/adjust-icon";
import { MoonIcon } from "@patternfly/react-icons/dist/esm/icons/moon-icon";
import { SunIcon } from "@patternfly/react-icons/dist/esm/icons/sun-icon";
import { useState } from "react";
import { chooseTheme, chosenTheme, type ThemeChoice } from "./theme.ts";

const choices = [
  ["system", "Like the system", AdjustIcon],
  ["light", "Light", SunIcon],
  ["dark", "Dark", MoonIcon],
] as const;

export function ThemeMenu() {
  const [isOpen, setIsOpen] = useState(false);
  const [choice, setChoice] = useState<ThemeChoice>(chosenTheme);
  const Icon = (choices.find(([name]) => name === choice) ?? choices[0])[2];
  return (
    <Dropdown
      isOpen={isOpen}
      onOpenChange={setIsOpen}
      popperProps={{ position: "right" }}
      onSelect={(_, value) => {
        const picked = value as ThemeChoice;
        chooseTheme(picked);
        setChoice(picked);
        setIsOpen(false);
      }}
      toggle={(ref) => (
        <MenuToggle
          ref={ref}
          variant="plain"
          aria-label="Colours"
          isExpanded={isOpen}
          onClick={() => setIsOpen(!isOpen)}
        >
          <Icon />
        </MenuToggle>
      )}
    >
      <DropdownList>
        {choices.map(([name, text, ChoiceIcon]) => (
          <DropdownItem key={name} value={name} icon={<ChoiceIcon />} isSelected={name === choice}>
            {text}
          </DropdownItem>
        ))}
      </DropdownList>
    </Dropdown>
  );
}
