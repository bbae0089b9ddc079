package org.sparkqwen.engine.request;

/// A call by the model of a tool that it was told of.
///
/// @param arguments a JSON object, as the model wrote it
public record ToolCall(String name, String arguments) {}
