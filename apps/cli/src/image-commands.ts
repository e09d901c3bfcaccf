import { diskExportFormats, importFormats } from "@serai/model/image-format";
import { Option, type Command } from "commander";
import type { Context } from "./context.ts";
import type { On } from "./program.ts";

export function addImageCommands(image: Command, on: On): void {
  image
    .command("ls")
    .description("list images")
    .option("--catalogue", "list what can be pulled by name instead")
    .action(
      on(async (c: Context, o: { catalogue?: boolean }) =>
        (await import("./commands/images.ts")).listImages(c, o),
      ),
    );
  image
    .command("import <file>")
    .description("send a disk image, ISO or appliance (OVA); repeat it to go on after an interruption")
    .option("--name <name>", "name of the image (default: the file's)")
    .addOption(new Option("--format <format>", "default: as the file looks").choices([...importFormats]))
    .action(
      on(async (c: Context, file: string, o: { name?: string; format?: string }) =>
        (await import("./commands/images.ts")).importImage(c, file, o),
      ),
    );
  image
    .command("pull <name>")
    .description("fetch an image from the catalogue, or from a URL")
    .option("--as <name>", "name of the image here")
    .option("--from <url>", "fetch from here")
    .option("--sha256 <hex>", "what it must be")
    .addOption(new Option("--format <format>", "of what is behind the URL").choices([...importFormats]))
    .action(
      on(
        async (
          c: Context,
          name: string,
          o: { as?: string; from?: string; sha256?: string; format?: string },
        ) => (await import("./commands/images.ts")).pullImage(c, name, o),
      ),
    );
  image
    .command("export <image>")
    .description("write an image to a file, in a format of your choice")
    .addOption(
      new Option("--format <format>", "of the file").choices([...diskExportFormats]).default("qcow2"),
    )
    .option("-o, --output <file>", "where to; - is stdout (default: the image's name)")
    .action(
      on(async (c: Context, name: string, o: { output?: string; format: string }) =>
        (await import("./commands/export.ts")).exportImage(c, name, o),
      ),
    );
  image
    .command("rm <image...>")
    .description("delete images that no VM uses")
    .action(
      on(async (c: Context, images: string[]) =>
        (await import("./commands/images.ts")).removeImages(c, images),
      ),
    );
}
