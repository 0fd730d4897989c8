import protobuf from "protobufjs";

/** The fields on the wire that the definition does not have, as `Message.number`, those of inner messages included. */
export function findUnknownFields(type: protobuf.Type, bytes: Uint8Array): string[] {
  const reader = protobuf.Reader.create(bytes);
  const unknown: string[] = [];
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const number = tag >>> 3;
    const wireType = tag & 7;
    const field = type.fieldsById[number];
    if (field === undefined) {
      unknown.push(`${type.name}.${number}`);
    } else if (!wireTypesOf(field).includes(wireType)) {
      unknown.push(`${type.name}.${number} with wire type ${wireType}`);
    } else if (wireType === lengthDelimited && !(field instanceof protobuf.MapField)) {
      const inner = field.resolve().resolvedType;
      if (inner instanceof protobuf.Type) {
        unknown.push(...findUnknownFields(inner, reader.bytes()));
        continue;
      }
    }
    reader.skipType(wireType);
  }
  return unknown;
}

const lengthDelimited = 2;

function wireTypesOf(field: protobuf.Field): number[] {
  if (field instanceof protobuf.MapField) return [lengthDelimited];
  const { resolvedType } = field.resolve();
  const own =
    resolvedType instanceof protobuf.Enum
      ? protobuf.types.basic.uint32
      : protobuf.types.basic[field.type as keyof typeof protobuf.types.basic];
  if (own === undefined) return [lengthDelimited];
  // Repeated numbers come packed or one by one.
  return field.repeated ? [own, lengthDelimited] : [own];
}
