import GraphIR
public enum Scheduler { public static func schedule(_ g: Graph, target: ScheduleTarget) -> Schedule { Schedule(interpreting: g) } }
extension Schedule { public var text: String { "" } }
