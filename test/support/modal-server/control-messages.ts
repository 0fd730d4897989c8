/**
 * The part of Modal's control protocol that sandboxes need. Names and numbers are those of modal 0.11.1, and
 * `wire.test.ts` holds them to it. A field or a method that is not here is not served, and is told as a violation.
 */
export const controlMessages = `
syntax = "proto3";
package modal.client;

message Empty {}

enum ObjectCreationType {
  OBJECT_CREATION_TYPE_UNSPECIFIED = 0;
  OBJECT_CREATION_TYPE_CREATE_IF_MISSING = 1;
  OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS = 2;
  OBJECT_CREATION_TYPE_CREATE_OVERWRITE_IF_EXISTS = 3;
  OBJECT_CREATION_TYPE_ANONYMOUS_OWNED_BY_APP = 4;
  OBJECT_CREATION_TYPE_EPHEMERAL = 5;
}
message GenericResult {
  enum GenericStatus {
    GENERIC_STATUS_UNSPECIFIED = 0;
    GENERIC_STATUS_SUCCESS = 1;
    GENERIC_STATUS_FAILURE = 2;
    GENERIC_STATUS_TERMINATED = 3;
    GENERIC_STATUS_TIMEOUT = 4;
    GENERIC_STATUS_INIT_FAILURE = 5;
    GENERIC_STATUS_INTERNAL_FAILURE = 6;
    GENERIC_STATUS_IDLE_TIMEOUT = 7;
    GENERIC_STATUS_MEMORY_MANAGER_EVICTION = 8;
  }
  GenericStatus status = 1;
  string exception = 2;
  int32 exitcode = 3;
}

message AuthTokenGetRequest {}
message AuthTokenGetResponse { string token = 1; }
message AppGetOrCreateRequest {
  string app_name = 1;
  string environment_name = 2;
  ObjectCreationType object_creation_type = 3;
}
message AppGetOrCreateResponse { string app_id = 1; }
message EnvironmentGetOrCreateRequest {
  string deployment_name = 1;
  ObjectCreationType object_creation_type = 2;
}
message EnvironmentGetOrCreateResponse {
  string environment_id = 1;
  EnvironmentMetadata metadata = 2;
}
message EnvironmentMetadata {
  string name = 1;
  EnvironmentSettings settings = 2;
}
message EnvironmentSettings { string image_builder_version = 1; }
message SecretGetOrCreateRequest {
  string deployment_name = 1;
  string environment_name = 3;
  ObjectCreationType object_creation_type = 4;
  map<string, string> env_dict = 5;
  repeated string required_keys = 7;
}
message SecretGetOrCreateResponse { string secret_id = 1; }
message StringMap { map<string, string> contents = 1; }
message SecretSource {
  oneof source {
    string secret_id = 1;
    StringMap env = 2;
  }
}

message Image {
  repeated BaseImage base_images = 5;
  repeated string dockerfile_commands = 6;
  repeated string secret_ids = 12;
  GPUConfig gpu_config = 16;
}
message BaseImage {
  string image_id = 1;
  string docker_tag = 2;
}
message GPUConfig {
  uint32 count = 2;
  string gpu_type = 4;
}
message ImageGetOrCreateRequest {
  Image image = 2;
  string app_id = 4;
  bool force_build = 7;
  string builder_version = 9;
}
message ImageGetOrCreateResponse {
  string image_id = 1;
  GenericResult result = 2;
}
message ImageJoinStreamingRequest {
  string image_id = 1;
  float timeout = 2;
  string last_entry_id = 3;
  bool include_logs_for_finished = 4;
}
message ImageJoinStreamingResponse {
  GenericResult result = 1;
  repeated TaskLogs task_logs = 2;
  string entry_id = 3;
  bool eof = 4;
}
message TaskLogs {
  string data = 1;
  double timestamp = 7;
  FileDescriptor file_descriptor = 8;
}
enum FileDescriptor {
  FILE_DESCRIPTOR_UNSPECIFIED = 0;
  FILE_DESCRIPTOR_STDOUT = 1;
  FILE_DESCRIPTOR_STDERR = 2;
  FILE_DESCRIPTOR_INFO = 3;
}
message ImageFromIdRequest { string image_id = 1; }
message ImageFromIdResponse { string image_id = 1; }
message ImageDeleteRequest { string image_id = 1; }

message Sandbox {
  repeated string entrypoint_args = 1;
  string image_id = 3;
  repeated string secret_ids = 4;
  Resources resources = 5;
  uint32 timeout_secs = 7;
  optional string workdir = 8;
  SchedulerPlacement scheduler_placement = 17;
  PortSpecs open_ports = 20;
  NetworkAccess network_access = 22;
  string cloud_provider_str = 26;
  bool verbose = 29;
  optional string name = 30;
  optional uint32 idle_timeout_secs = 33;
}
message Resources {
  uint32 memory_mb = 2;
  uint32 milli_cpu = 3;
  GPUConfig gpu_config = 4;
  uint32 memory_mb_max = 5;
  uint32 milli_cpu_max = 7;
}
message SchedulerPlacement { repeated string regions = 4; }
message PortSpecs {}
message NetworkAccess {
  enum NetworkAccessType {
    UNSPECIFIED = 0;
    OPEN = 1;
    BLOCKED = 2;
    ALLOWLIST = 3;
  }
  NetworkAccessType network_access_type = 1;
  repeated string allowed_cidrs = 2;
  repeated string allowed_domains = 3;
}
message SandboxTag {
  string tag_name = 1;
  string tag_value = 2;
}
message SandboxCreateRequest {
  string app_id = 1;
  Sandbox definition = 2;
  repeated SandboxTag tags = 4;
}
message SandboxCreateResponse { string sandbox_id = 1; }
message SandboxCreateV2Request {
  string app_id = 1;
  Sandbox definition = 2;
  repeated SandboxTag tags = 4;
  repeated SecretSource secret_sources = 6;
}
message SandboxCreateV2Response {
  string sandbox_id = 1;
  string task_id = 3;
  CommandRouterAccess command_router_access = 5;
}
message CommandRouterAccess {
  string jwt = 1;
  string url = 2;
}
message SandboxGetTaskIdRequest {
  string sandbox_id = 1;
  optional float timeout = 2;
}
message SandboxGetTaskIdResponse {
  optional string task_id = 1;
  GenericResult task_result = 2;
}
message SandboxGetCommandRouterAccessRequest { optional string sandbox_id = 1; }
message SandboxGetCommandRouterAccessResponse {
  string jwt = 1;
  string url = 2;
}
message TaskGetCommandRouterAccessRequest { string task_id = 1; }
message TaskGetCommandRouterAccessResponse {
  string jwt = 1;
  string url = 2;
}
message SandboxWaitRequest {
  string sandbox_id = 1;
  float timeout = 2;
}
message SandboxWaitResponse { GenericResult result = 1; }
message SandboxListRequest {
  string app_id = 1;
  double before_timestamp = 2;
  string environment_name = 3;
  bool include_finished = 4;
  repeated SandboxTag tags = 5;
}
message SandboxListResponse { repeated SandboxInfo sandboxes = 1; }
message SandboxInfo {
  string id = 1;
  double created_at = 3;
  string app_id = 5;
  repeated SandboxTag tags = 6;
  string name = 7;
  string image_id = 8;
}
message SandboxTerminateRequest { string sandbox_id = 1; }
message SandboxTerminateResponse { GenericResult existing_result = 1; }
message SandboxTagsSetRequest {
  string environment_name = 1;
  string sandbox_id = 2;
  repeated SandboxTag tags = 3;
}
message SandboxTagsGetRequest { string sandbox_id = 1; }
message SandboxTagsGetResponse { repeated SandboxTag tags = 1; }
message SandboxGetFromNameRequest {
  string sandbox_name = 1;
  string environment_name = 2;
  string app_name = 3;
  bool include_terminated = 4;
}
message SandboxGetFromNameResponse { string sandbox_id = 1; }

service ModalClient {
  rpc AuthTokenGet(AuthTokenGetRequest) returns (AuthTokenGetResponse);
  rpc AppGetOrCreate(AppGetOrCreateRequest) returns (AppGetOrCreateResponse);
  rpc EnvironmentGetOrCreate(EnvironmentGetOrCreateRequest) returns (EnvironmentGetOrCreateResponse);
  rpc SecretGetOrCreate(SecretGetOrCreateRequest) returns (SecretGetOrCreateResponse);
  rpc ImageGetOrCreate(ImageGetOrCreateRequest) returns (ImageGetOrCreateResponse);
  rpc ImageJoinStreaming(ImageJoinStreamingRequest) returns (stream ImageJoinStreamingResponse);
  rpc ImageFromId(ImageFromIdRequest) returns (ImageFromIdResponse);
  rpc ImageDelete(ImageDeleteRequest) returns (Empty);
  rpc SandboxCreate(SandboxCreateRequest) returns (SandboxCreateResponse);
  rpc SandboxCreateV2(SandboxCreateV2Request) returns (SandboxCreateV2Response);
  rpc SandboxGetTaskId(SandboxGetTaskIdRequest) returns (SandboxGetTaskIdResponse);
  rpc SandboxGetTaskIdV2(SandboxGetTaskIdRequest) returns (SandboxGetTaskIdResponse);
  rpc SandboxGetCommandRouterAccess(SandboxGetCommandRouterAccessRequest)
    returns (SandboxGetCommandRouterAccessResponse);
  rpc TaskGetCommandRouterAccess(TaskGetCommandRouterAccessRequest) returns (TaskGetCommandRouterAccessResponse);
  rpc SandboxWait(SandboxWaitRequest) returns (SandboxWaitResponse);
  rpc SandboxWaitV2(SandboxWaitRequest) returns (SandboxWaitResponse);
  rpc SandboxList(SandboxListRequest) returns (SandboxListResponse);
  rpc SandboxListV2(SandboxListRequest) returns (SandboxListResponse);
  rpc SandboxTerminate(SandboxTerminateRequest) returns (SandboxTerminateResponse);
  rpc SandboxTerminateV2(SandboxTerminateRequest) returns (SandboxTerminateResponse);
  rpc SandboxTagsSet(SandboxTagsSetRequest) returns (Empty);
  rpc SandboxTagsSetV2(SandboxTagsSetRequest) returns (Empty);
  rpc SandboxTagsGet(SandboxTagsGetRequest) returns (SandboxTagsGetResponse);
  rpc SandboxTagsGetV2(SandboxTagsGetRequest) returns (SandboxTagsGetResponse);
  rpc SandboxGetFromName(SandboxGetFromNameRequest) returns (SandboxGetFromNameResponse);
  rpc SandboxGetFromNameV2(SandboxGetFromNameRequest) returns (SandboxGetFromNameResponse);
}
`;
