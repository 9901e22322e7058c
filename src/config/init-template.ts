/** The commented configuration that `sluice init` writes: a start, with the rest of the features one `#` away. */

export const INIT_TEMPLATE = `# sluice configuration. Check it with: sluice validate
#
# Variables: \${NAME} must be set, \${NAME:-default} may be missing, $$ is a plain dollar sign.
# A provider whose api_key is empty is switched off, so this file loads before any key is set.

[server]
port = 4000
# host = "192.168.1.1"              # one address only; unset: all addresses, IPv4 and IPv6
# cors_origins = ["http://nas.lan:3000"]
# tls_cert = "/etc/sluice/cert.pem" # together with tls_key: HTTPS
# tls_key = "/etc/sluice/key.pem"

# --- Providers: where answers come from -------------------------------------------------------------------

[provider.openai]
base_url = "https://api.openai.com/v1"
api_key = "\${OPENAI_API_KEY:-}"
# prefix = "/openai"                # raw pass-through: http://this-gateway:4000/openai/...

[provider.anthropic]
anthropic = {}
api_key = "\${ANTHROPIC_API_KEY:-}"

[provider.gemini]
google_ai = {}
api_key = "\${GEMINI_API_KEY:-}"

[provider.groq]
base_url = "https://api.groq.com/openai/v1"
api_key = "\${GROQ_API_KEY:-}"
# rate_limit = { rpm = 30 }         # also rps + burst, rpd, tpm, tpd, max_concurrency

[provider.ollama]
ollama = { url = "http://localhost:11434" }

# Invented answers, made on this device: for trying things out.
[provider.demo]
demo = {}

# Others:
# azure_openai = { resource_name = "my-resource" }
# vertex_ai = { project_id = "my-project", location = "us-central1" }
# bedrock = { region = "us-east-1" }

# --- Models: what clients ask for -------------------------------------------------------------------------
# strategy: "latency" (the fastest), "failover" (from the top), "price" (the cheapest), "weighted".

[model.smart]
strategy = "failover"
targets = [
  { provider = "anthropic", model = "claude-sonnet-4-5" },
  { provider = "openai", model = "gpt-4o" },
  { provider = "gemini", model = "gemini-2.5-pro" },
  { provider = "ollama", model = "llama3.1:8b" },
]

[model.fast]
strategy = "failover"
targets = [
  { provider = "groq", model = "llama-3.3-70b-versatile" },
  { provider = "openai", model = "gpt-4o-mini" },
  { provider = "gemini", model = "gemini-2.5-flash" },
]

[model]
demo = [{ provider = "demo", model = "demo" }]

# For programs that insist on a name of their own; "*" takes whatever is left.
# [model."claude-*"]
# targets = [{ provider = "anthropic", model = "$model" }]

# --- Who may call -----------------------------------------------------------------------------------------

[auth]
anonymous = "lan"                   # none | loopback | lan | any

# \`sluice key\` makes a key and its hash.
# [[auth.keys]]
# id = "laptop"
# key = "\${LAPTOP_KEY}"
# models = ["fast"]
# rate_limit = { rpm = 60 }
# budget = { usd = 1.0, window = "1d" }

[admin]
allow = ["loopback"]                # loopback | lan | networks such as "10.0.0.0/8"

# --- Limits on spending -----------------------------------------------------------------------------------

# [[budget]]
# scope = "gateway"
# usd = 20.0
# window = "month"

# [[policy]]
# name = "office hours"
# expression = "hour < 7 || hour > 20"
# action = "block"

# [cache]
# enabled = true
`;
