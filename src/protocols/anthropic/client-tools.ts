/** Tools that Anthropic defines and the client executes: their documented schemas, for vendors that only know functions. */

interface ClientTool {
  readonly prefix: string;
  readonly name: string;
  readonly description: string;
  readonly schema: string;
}

const BASH = {
  type: "object",
  properties: {
    command: { type: "string", description: "The bash command to run." },
    restart: { type: "boolean", description: "Set to true to restart the bash session." },
  },
};

const EDITOR = {
  type: "object",
  properties: {
    command: { type: "string", enum: ["view", "create", "str_replace", "insert"] },
    path: { type: "string", description: "Absolute path of the file or directory." },
    view_range: {
      type: "array",
      items: { type: "integer" },
      description: "First and last line to view, counted from 1; -1 is the end of the file.",
    },
    old_str: { type: "string", description: "Text to replace; it must match exactly and once." },
    new_str: { type: "string", description: "The replacement, or the text to insert." },
    insert_line: { type: "integer", description: "Line behind which to insert; 0 is the beginning." },
    insert_text: { type: "string", description: "Text to insert." },
    file_text: { type: "string", description: "Content of the file to create." },
  },
  required: ["command", "path"],
};

const MEMORY = {
  type: "object",
  properties: {
    command: { type: "string", enum: ["view", "create", "str_replace", "insert", "delete", "rename"] },
    path: { type: "string", description: "Path below /memories." },
    view_range: { type: "array", items: { type: "integer" } },
    file_text: { type: "string" },
    old_str: { type: "string" },
    new_str: { type: "string" },
    insert_line: { type: "integer" },
    insert_text: { type: "string" },
    old_path: { type: "string" },
    new_path: { type: "string" },
  },
  required: ["command"],
};

const CLIENT_TOOLS: readonly ClientTool[] = [
  {
    prefix: "bash_",
    name: "bash",
    description: "Runs commands in a bash shell that persists between calls.",
    schema: JSON.stringify(BASH),
  },
  {
    prefix: "text_editor_",
    name: "str_replace_based_edit_tool",
    description: "Views, creates and edits text files.",
    schema: JSON.stringify(EDITOR),
  },
  {
    prefix: "memory_",
    name: "memory",
    description: "Reads and writes files under /memories that persist between conversations.",
    schema: JSON.stringify(MEMORY),
  },
];

/** The tool a `type` such as `bash_20250124` stands for; undefined when the client does not execute it. */
export function clientTool(type: string): ClientTool | undefined {
  return CLIENT_TOOLS.find((tool) => type.startsWith(tool.prefix));
}

/** Tools with many members of their own that have no equivalent anywhere. */
export function isToolset(type: string): boolean {
  return type.startsWith("computer_") || /toolset/.test(type);
}
