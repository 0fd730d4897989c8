import protobuf from "protobufjs";
import { controlMessages } from "./control-messages.ts";
import { routerMessages } from "./router-messages.ts";

/** A method as it stands in the definitions. */
export interface MethodDefinition {
  requestType: protobuf.Type;
  responseType: protobuf.Type;
  responseStream: boolean;
}

/** The definitions of both services, ready for use. */
export function loadMessages(): protobuf.Root {
  const root = new protobuf.Root();
  for (const text of [controlMessages, routerMessages]) protobuf.parse(text, root);
  root.resolveAll();
  return root;
}

/** By path of the call, `/package.Service/Method`. */
export function listMethods(root: protobuf.Root): Map<string, MethodDefinition> {
  const services = [
    root.lookupService("modal.client.ModalClient"),
    root.lookupService("modal.task_command_router.TaskCommandRouter"),
  ];
  return new Map(
    services.flatMap((service) =>
      service.methodsArray.map((method) => {
        const { resolvedRequestType: requestType, resolvedResponseType: responseType } = method;
        if (!requestType || !responseType) throw new Error(`${method.name} has no types.`);
        return [
          `/${service.fullName.slice(1)}/${method.name}`,
          { requestType, responseType, responseStream: method.responseStream ?? false },
        ] as const;
      }),
    ),
  );
}

/** Every message and enumeration, those inside messages as well. */
export function listTypes(root: protobuf.Root): { messages: protobuf.Type[]; enums: protobuf.Enum[] } {
  const messages: protobuf.Type[] = [];
  const enums: protobuf.Enum[] = [];
  const visit = (namespace: protobuf.NamespaceBase): void => {
    for (const nested of namespace.nestedArray) {
      if (nested instanceof protobuf.Type) messages.push(nested);
      if (nested instanceof protobuf.Enum) enums.push(nested);
      if (nested instanceof protobuf.Namespace) visit(nested);
    }
  };
  visit(root);
  return { messages, enums };
}
