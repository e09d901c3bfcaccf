import { imagesOf } from "@serai/model/check-vm-spec";
import { imageKey, type ImageRecord } from "@serai/model/image";
import type { Target } from "@serai/model/operation";
import type { Write } from "@serai/store/store";
import type { View } from "../view/view.ts";

export const putImage = (record: ImageRecord): Write => ({
  put: imageKey(record.id),
  value: JSON.stringify(record),
});

export const imageTarget = ({ id, name }: ImageRecord): Target => ({ kind: "image", id, name });

/** The names of the VMs that need an image, those included that are being deleted. */
export function usersOf(view: View, image: string): string[] {
  const users: string[] = [];
  for (const { record } of view.vms.entries()) {
    if (imagesOf(record.spec).includes(image)) users.push(record.spec.name);
  }
  return users;
}
