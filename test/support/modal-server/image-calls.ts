import type { Accounts } from "./account-calls.ts";
import { GrpcError } from "./grpc-error.ts";
import type { ImageBuild, ImageStore } from "./image-store.ts";
import { type GenericResult, genericStatus, type Handlers } from "./protocol.ts";

/** The building of images and their end. */
export function imageCalls({
  images,
  accounts,
}: {
  images: ImageStore;
  accounts: Accounts;
}): Handlers<"ImageGetOrCreate" | "ImageJoinStreaming" | "ImageFromId" | "ImageDelete"> {
  return {
    ImageGetOrCreate({ image, appId, forceBuild }) {
      accounts.checkApp(appId);
      if (image === null) throw new GrpcError("INVALID_ARGUMENT", "There is no image.");
      const secrets = accounts.variablesOf(image.secretIds.map((secretId) => ({ secretId })));
      const build = images.ensure(image, secrets, forceBuild);
      const result = resultOf(build);
      return result === null ? { imageId: build.id } : { imageId: build.id, result };
    },
    async *ImageJoinStreaming({ imageId, timeout, lastEntryId }, signal) {
      const build = images.build(imageId);
      const over = AbortSignal.any([signal, AbortSignal.timeout(timeout * 1000)]);
      let entry = Number(lastEntryId || 0);
      for (;;) {
        const { change, status } = build;
        for (; entry < build.log.length; entry += 1) {
          yield { taskLogs: [{ data: build.log[entry], fileDescriptor: 1 }], entryId: String(entry + 1) };
        }
        if (status !== "building") break;
        if (over.aborted) return;
        await Promise.race([change, new Promise((resolve) => over.addEventListener("abort", resolve))]);
      }
      yield { result: resultOf(build), eof: true };
    },
    ImageFromId: ({ imageId }) => ({ imageId: images.get(imageId).id }),
    ImageDelete({ imageId }) {
      images.remove(imageId);
      return {};
    },
  };
}

/** Null while it is being built. */
function resultOf({ status, exception }: ImageBuild): GenericResult | null {
  if (status === "building") return null;
  return status === "built" ? { status: genericStatus.success } : { status: genericStatus.failure, exception };
}
