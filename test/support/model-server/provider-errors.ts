export type Vendor = "anthropic" | "openai";

export type ErrorName =
  | "invalid-request"
  | "unauthorized"
  | "payment-required"
  | "no-credit"
  | "forbidden"
  | "unknown-model"
  | "prompt-too-long"
  | "rate-limited"
  | "spend-limit"
  | "server-error"
  | "overloaded";

export type RetryAfter = { seconds: number } | { milliseconds: number } | { date: Date };

export interface ProviderError {
  status: number;
  type: string;
  message: string;
  /** OpenAI's `error.code`, or Anthropic's `error.details.error_code`. */
  code: string | null;
}

/** The error as its vendor words it. Sources: platform.claude.com/docs/en/api/errors, OpenAI's "Error codes" guide. */
export function providerError(vendor: Vendor, name: ErrorName, model: string): ProviderError {
  const [status, type, message, code = null] = (vendor === "anthropic" ? anthropicErrors : openAIErrors)[name];
  return { status, type, message: message.replace("{model}", model), code };
}

export function errorBody(vendor: Vendor, error: ProviderError, requestId: string): Record<string, unknown> {
  const { type, message, code } = error;
  if (vendor === "openai") return { error: { message, type, param: null, code } };
  const details = code === null ? {} : { details: { error_code: code } };
  return { type: "error", error: { type, message, ...details }, request_id: requestId };
}

export function retryHeaders(retryAfter: RetryAfter | undefined): Record<string, string> {
  if (!retryAfter) return {};
  if ("seconds" in retryAfter) return { "retry-after": String(retryAfter.seconds) };
  if ("milliseconds" in retryAfter) return { "retry-after-ms": String(retryAfter.milliseconds) };
  return { "retry-after": retryAfter.date.toUTCString() };
}

type Row = [status: number, type: string, message: string, code?: string];

const anthropicErrors: Record<ErrorName, Row> = {
  "invalid-request": [400, "invalid_request_error", "messages: Field required"],
  unauthorized: [401, "authentication_error", "invalid x-api-key"],
  "payment-required": [402, "billing_error", "There is an issue with your billing or payment information."],
  "no-credit": [
    400,
    "invalid_request_error",
    "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.",
  ],
  forbidden: [403, "permission_error", "Your API key does not have permission to use the specified resource."],
  "unknown-model": [404, "not_found_error", "model: {model}"],
  "prompt-too-long": [400, "invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum"],
  "rate-limited": [429, "rate_limit_error", "This request would exceed your organization's rate limit."],
  "spend-limit": [
    429,
    "rate_limit_error",
    "You have reached your specified API usage limits.",
    "enforced_spend_limit_reached",
  ],
  "server-error": [500, "api_error", "Internal server error"],
  overloaded: [529, "overloaded_error", "Overloaded"],
};

const openAIErrors: Record<ErrorName, Row> = {
  "invalid-request": [
    400,
    "invalid_request_error",
    "Missing required parameter: 'input'.",
    "missing_required_parameter",
  ],
  unauthorized: [401, "invalid_request_error", "Incorrect API key provided.", "invalid_api_key"],
  "payment-required": [402, "insufficient_credits", "Insufficient credits. Add more to continue.", "402"],
  "no-credit": [
    429,
    "insufficient_quota",
    "You exceeded your current quota, please check your plan and billing details.",
    "insufficient_quota",
  ],
  forbidden: [
    403,
    "request_forbidden",
    "Country, region, or territory not supported",
    "unsupported_country_region_territory",
  ],
  "unknown-model": [
    404,
    "invalid_request_error",
    "The model `{model}` does not exist or you do not have access to it.",
    "model_not_found",
  ],
  "prompt-too-long": [
    400,
    "invalid_request_error",
    "Your input exceeds the context window of this model. Please adjust your input and try again.",
    "context_length_exceeded",
  ],
  "rate-limited": [429, "tokens", "Rate limit reached for {model} on tokens per min (TPM).", "rate_limit_exceeded"],
  "spend-limit": [
    429,
    "insufficient_quota",
    "You exceeded your current quota, please check your plan and billing details.",
    "insufficient_quota",
  ],
  "server-error": [500, "server_error", "The server had an error while processing your request.", "server_error"],
  overloaded: [503, "service_unavailable_error", "The engine is currently overloaded, please try again later."],
};
