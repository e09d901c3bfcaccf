import type { ImageView } from "@serai/api-contract/schemas";
import type { CreateForm } from "./create-form.ts";

/** What each step of the wizard gets. */
export type StepProps = {
  form: CreateForm;
  image: ImageView | undefined;
  faults: Record<string, string>;
  set: (part: Partial<CreateForm>) => void;
  pick: (image: string) => void;
};
