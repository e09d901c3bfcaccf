import { Dropdown, DropdownItem, DropdownList, MenuToggle } from "@patternfly/react-core";
import { UserIcon } from "@patternfly/react-icons/dist/esm/icons/user-icon";
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useAction } from "../api/use-action.ts";
import { useServices } from "./services.ts";
import type { Me } from "./use-session.ts";

const roleWords = { viewer: "may look", operator: "may act", admin: "administrator" } as const;

export function UserMenu({ me }: { me: Me }) {
  const [isOpen, setIsOpen] = useState(false);
  const { client } = useServices();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const act = useAction();
  const logOut = async () => {
    const isDone = await act("You are still logged in", (signal) => client.call("logout", {}, signal));
    if (!isDone) return;
    await navigate({ to: "/login" });
    queries.clear();
  };
  return (
    <Dropdown
      isOpen={isOpen}
      onOpenChange={setIsOpen}
      popperProps={{ position: "right" }}
      onSelect={() => setIsOpen(false)}
      toggle={(ref) => (
        <MenuToggle
          ref={ref}
          variant="plainText"
          icon={<UserIcon />}
          aria-label={me.name}
          isExpanded={isOpen}
          onClick={() => setIsOpen(!isOpen)}
        >
          {me.name}
        </MenuToggle>
      )}
    >
      <DropdownList>
        <DropdownItem key="role" isDisabled description={roleWords[me.role]}>
          {me.name}
        </DropdownItem>
        <DropdownItem key="out" onClick={() => void logOut()}>
          Log out
        </DropdownItem>
      </DropdownList>
    </Dropdown>
  );
}
