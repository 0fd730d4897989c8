/** The part of Modal's protocol for the programs of a sandbox; see `control-messages.ts`. */
export const routerMessages = `
syntax = "proto3";
package modal.task_command_router;

enum TaskExecStdoutConfig {
  TASK_EXEC_STDOUT_CONFIG_DEVNULL = 0;
  TASK_EXEC_STDOUT_CONFIG_PIPE = 1;
}
enum TaskExecStderrConfig {
  TASK_EXEC_STDERR_CONFIG_DEVNULL = 0;
  TASK_EXEC_STDERR_CONFIG_PIPE = 1;
  TASK_EXEC_STDERR_CONFIG_STDOUT = 2;
}
enum TaskExecStdioFileDescriptor {
  TASK_EXEC_STDIO_FILE_DESCRIPTOR_STDOUT = 0;
  TASK_EXEC_STDIO_FILE_DESCRIPTOR_STDERR = 1;
}
message TaskExecStartRequest {
  string task_id = 1;
  string exec_id = 2;
  repeated string command_args = 3;
  TaskExecStdoutConfig stdout_config = 4;
  TaskExecStderrConfig stderr_config = 5;
  optional uint32 timeout_secs = 6;
  optional string workdir = 7;
  repeated modal.client.SecretSource secret_sources = 13;
}
message TaskExecStartResponse {}
message TaskExecStdioReadRequest {
  string task_id = 1;
  string exec_id = 2;
  uint64 offset = 3;
  TaskExecStdioFileDescriptor file_descriptor = 4;
}
message TaskExecStdioReadResponse { bytes data = 1; }
message TaskExecStdinWriteRequest {
  string task_id = 1;
  string exec_id = 2;
  uint64 offset = 3;
  bytes data = 4;
  bool eof = 5;
}
message TaskExecStdinWriteResponse {}
message TaskExecStdinStatusRequest {
  string task_id = 1;
  string exec_id = 2;
}
message TaskExecStdinStatusResponse {
  uint64 num_bytes_written = 1;
  bool closed = 2;
}
message TaskExecPollRequest {
  string task_id = 1;
  string exec_id = 2;
}
message TaskExecPollResponse {
  oneof exit_status {
    int32 code = 1;
    int32 signal = 2;
  }
}
message TaskExecWaitRequest {
  string task_id = 1;
  string exec_id = 2;
}
message TaskExecWaitResponse {
  oneof exit_status {
    int32 code = 1;
    int32 signal = 2;
  }
}
message TaskSnapshotFilesystemRequest {
  string task_id = 1;
  string snapshot_id = 2;
  optional int64 ttl_seconds = 3;
}
message TaskSnapshotFilesystemResponse { string image_id = 1; }

service TaskCommandRouter {
  rpc TaskExecStart(TaskExecStartRequest) returns (TaskExecStartResponse);
  rpc TaskExecStdioRead(TaskExecStdioReadRequest) returns (stream TaskExecStdioReadResponse);
  rpc TaskExecStdinWrite(TaskExecStdinWriteRequest) returns (TaskExecStdinWriteResponse);
  rpc TaskExecStdinStatus(TaskExecStdinStatusRequest) returns (TaskExecStdinStatusResponse);
  rpc TaskExecPoll(TaskExecPollRequest) returns (TaskExecPollResponse);
  rpc TaskExecWait(TaskExecWaitRequest) returns (TaskExecWaitResponse);
  rpc TaskSnapshotFilesystem(TaskSnapshotFilesystemRequest) returns (TaskSnapshotFilesystemResponse);
}
`;
