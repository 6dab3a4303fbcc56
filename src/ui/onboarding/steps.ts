export type Step = "welcome" | "create" | "extension" | "import"

export interface StepProps {
  readonly go: (step: Step) => void
}
